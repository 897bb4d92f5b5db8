"""The numerical floor: arrays, precision, chunks of queries, hulls, Lambert's W."""
