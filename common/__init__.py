"""What knows nothing of faces: errors, files, progress, threads, boxes, HTML pages."""
