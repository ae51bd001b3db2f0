"""Decodes one HEIC photograph in a process of its own: stdin to stdout, nothing else. Run by `heif.decode`.

A crafted file can crash the decoding library (a null pointer in pi-heif 1.4 was met within a hundred mutations), and
then only this process ends. Imports nothing of the package, so that it starts fast.
"""

from __future__ import annotations

import io
import sys

MEMORY = 3 << 30
"""Bytes of address space; a picture of 50 million pixels takes about half a gigabyte of memory."""
SECONDS = 60
"""Processor time."""


def main(most: int) -> int:
    """Writes a line of the photograph's width and height and those of the RGB bytes that follow, reduced to at most
    `most` pixels. Returns 0: done, 1: damaged, 2: no memory."""
    limit()
    import pi_heif

    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    try:
        file = pi_heif.open_heif(io.BytesIO(sys.stdin.buffer.read()), convert_hdr_to_8bit=True)
        image = file[file.primary_index].to_pillow()
        whole = image.size
        factor = 1
        while image.width * image.height > most * factor * factor:
            factor += 1
        if factor > 1:
            image = image.reduce(factor)
        if image.mode == "RGBA":
            from PIL import Image

            paper = Image.new("RGB", image.size, "white")
            paper.paste(image, mask=image.getchannel("A"))
            image = paper
        pixels = image.convert("RGB").tobytes()
    except MemoryError:
        return 2
    except Exception:
        return 1
    sys.stdout.buffer.write(f"{whole[0]} {whole[1]} {image.width} {image.height}\n".encode())
    sys.stdout.buffer.write(pixels)
    return 0


def limit() -> None:
    """Bounds memory and time, where the system can."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            continue  # macOS refuses some; a lower limit holds already


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
