"""The ``course`` command. Floor 7: it parses, calls the floors below, and prints; it holds no course logic.

``app`` holds the verbs. This file imports nothing, so that the git filter ``clean_notebook`` starts fast.
"""
