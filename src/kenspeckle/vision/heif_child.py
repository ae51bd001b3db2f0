"""Decodes one HEIC photograph in a process of its own: stdin to stdout, nothing else. Run by `heif.decode`.

A crafted file can crash the decoding library (a null pointer in pi-heif 1.4 was met within a hundred mutations), and
then only this process ends. Imports nothing of the package, so that it starts fast.
"""

from __future__ import annotations

import io
import sys

MEMORY = 96 << 20
"""Bytes that may be written to, whatever the picture: the interpreter, the libraries and their threads' stacks."""
MEMORY_PER_PIXEL = 7
"""Two and four bytes of it are the planes and the RGB that libheif makes of them."""
SECONDS = 2
"""Processor time of a small picture, and with it of one that claims to be small."""
PIXELS_PER_SECOND = 10_000_000
STRIP = 512
"""Rows that are copied at once."""

DONE, DAMAGED, NO_MEMORY, NO_DECODER = 0, 1, 2, 3


def main(most: int, pixels: int, folders: list[str]) -> int:
    """Writes a line of the photograph's width and height and those of the RGB bytes that follow, reduced to at most
    `most` pixels. Memory and time are bounded by the `pixels` that its container claims; the libraries lie in
    `folders`, where they are not installed for everybody."""
    sys.path.extend(folders)
    limit(pixels)
    try:
        import pi_heif
        from PIL import Image
    except ImportError as error:
        sys.stderr.write(str(error))
        return NO_DECODER

    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    try:
        file = pi_heif.open_heif(io.BytesIO(sys.stdin.buffer.read()), convert_hdr_to_8bit=True)
        decoded = file[file.primary_index]
        whole = width, height = decoded.size
        factor = 1
        while width * height > most * factor * factor:
            factor += 1
        image = Image.new("RGB", (-(-width // factor), -(-height // factor)), "white")
        data, stride = decoded.data, decoded.stride
        # Not as one picture: that would be a second copy of all pixels, with four bytes for each.
        for top in range(0, height, STRIP * factor):
            rows = min(STRIP * factor, height - top)
            part = bytes(data[top * stride : (top + rows) * stride])
            strip = Image.frombuffer(decoded.mode, (width, rows), part, "raw", decoded.mode, stride, 1)
            if factor > 1:
                strip = strip.reduce(factor)
            image.paste(strip, (0, top // factor), strip.getchannel("A") if strip.mode == "RGBA" else None)
        del file, decoded, data, part, strip
        found = image.tobytes()
    except MemoryError:
        return NO_MEMORY
    except Exception:
        return DAMAGED
    sys.stdout.buffer.write(f"{whole[0]} {whole[1]} {image.width} {image.height}\n".encode())
    sys.stdout.buffer.write(found)
    return DONE


def limit(pixels: int) -> None:
    """Bounds memory and time, where the system can."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    tens = pixels // PIXELS_PER_SECOND
    memory, seconds = MEMORY + MEMORY_PER_PIXEL * pixels, max(SECONDS + min(tens, 1), 1 + tens)
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            continue  # macOS refuses some; a lower limit holds already


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
