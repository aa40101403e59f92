"""What each frame sees of the surface: a rasteriser, and views."""
