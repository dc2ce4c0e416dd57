"""pushlive: from a git push to a page that is proven live."""

__version__ = "0.2.0"
