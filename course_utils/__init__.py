"""Shared tools of the course *Why won't it learn?*

The package is a house of floors; a module imports only from floors below its own (import-linter keeps it):

====== ============================================ =====================================================
floor  module                                       first met in
====== ============================================ =====================================================
0      ``runtime``, ``metrics``                     00_start_here, 10_digits_convnet
1      ``rendering``, ``layers``                    20_hands_depth_images, 31_faces_mdm
2      ``datasets``, ``models``, ``probes``,        10_digits_convnet, 11_digits_frozen_filters
       ``cases``
3      ``plotting``                                 10_digits_convnet
4      ``training``                                 00_start_here
5      ``experiments``                              11_digits_frozen_filters
7      ``cli``                                      the ``course`` command
====== ============================================ =====================================================

Floor 6 (``classroom``) is reserved for a later part.
Importing this package loads neither Keras nor a backend.
"""

__version__ = "0.10.0"
