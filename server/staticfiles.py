"""How static files are served: hashed names that browsers may cache for ever, imports of ES modules included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage that also rewrites `import … from "./x.js"` to the hashed names."""

    support_js_module_import_aggregation = True
