"""Code that is not specific to faces: errors, files, progress, threads, boxes, HTML pages."""
