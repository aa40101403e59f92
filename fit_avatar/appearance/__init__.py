"""The surface's colours as the frames show them: pictures, the atlas, light, the mean texture."""
