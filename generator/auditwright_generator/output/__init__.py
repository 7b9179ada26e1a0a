"""Text -> disk: write only what changed, keep a manifest, skip what an earlier run made. Renders nothing."""
