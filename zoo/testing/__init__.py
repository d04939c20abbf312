"""Property tests of networks and layers."""
