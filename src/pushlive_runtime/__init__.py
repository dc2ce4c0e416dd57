"""What runs inside a site: its server, the probe wrapper, and the code that asks the site about itself.

It runs on the site's own Python (3.9 and later) from the image's server layer, and imports nothing of pushlive.
"""
