"""Text -> disk: writes changed files, keeps a manifest, finds files that can be reused. Renders nothing."""
