"""Pictures of networks: a Graph becomes a Diagram, a Diagram a Picture, a Picture a file.

`diagram` says what is drawn: boxes that nest and links between them; `network` makes it of a graph. `layout` says
where, for one list at a time: which rank a box stands on, in which column. `picture` places the lists into each other,
as rectangles, lines and texts. For a paper, `volumes` makes of a diagram what layers put out, and `paper` a picture of
that, on one line, or on the `levels` of a U. `changes` makes one diagram of two networks. `svg`, `tikz` and `raster`
write pictures; `dot` and `mermaid` write the diagram and leave the layout to others. `files` knows them all. Torch is
imported nowhere.
"""
