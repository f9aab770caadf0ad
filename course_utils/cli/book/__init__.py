"""The HTML book of the executed lessons, for readers who look before they install. ``make book`` writes it to build/book.

``executing`` runs copies of the lessons as tests; ``sources`` writes what Sphinx reads, in the checkout's own layout, with
``links`` and ``figures``; ``checking`` reads the finished pages as a browser without a network would.
"""
