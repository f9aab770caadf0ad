"""The classroom: assignments that nbgrader releases, grades and reports.

``tasks`` and ``patients`` are what an assignment imports and need nothing beyond the course; the rest is for
teachers and needs the extra ``classroom`` (nbgrader). The assignments themselves are notebooks/assignments/.
"""
