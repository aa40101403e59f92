"""A page on this machine: a video is dropped there or filmed with the webcam, and becomes an avatar."""
