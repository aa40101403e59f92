"""One small file per foreign layout of keypoints or cameras, each recognised by what is in the file."""
