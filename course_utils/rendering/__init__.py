"""Procedural images with exact labels: NumPy only, seeded, fast. Floor 1. First met in lesson 20_hands_depth_images.

``camera``  pinhole camera: millimetres to pixels and back
``hand``    an articulated hand, ray-cast to a depth image
``face``    a face with 68 points, as a shaded mesh
"""
