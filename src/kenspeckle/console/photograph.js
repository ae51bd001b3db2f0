// A photograph of the visitor: decoded once, upright, drawn at a size for the screen; faces are cut out of it.

import { h } from "/console/dom.js";

const LONGEST = 1600;
const SHORTEST = 720;
const UNKNOWN_SHAPE = { width: 1200, height: 900 };

/**
 * Decodes a file. Gives `{file, width, height, bitmap}`; `bitmap` is null where the browser can't show the format, and
 * the size then comes from the file's head, or is a guess.
 */
export async function decode(file) {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    return { file, width: bitmap.width, height: bitmap.height, bitmap };
  } catch {
    return { file, ...(await heifSize(file).catch(() => UNKNOWN_SHAPE)), bitmap: null };
  }
}

/** A canvas with the photograph, or with a plain sheet of its shape. `words` describe it to those who don't see it. */
export function draw(photo, words) {
  const longest = Math.max(photo.width, photo.height);
  const scale = Math.min(LONGEST / longest, Math.max(1, SHORTEST / longest));
  const canvas = h("canvas", {
    width: Math.max(1, Math.round(photo.width * scale)), height: Math.max(1, Math.round(photo.height * scale)),
    role: "img", "aria-label": words,
  });
  if (photo.bitmap) paint(canvas, photo.bitmap, 0, 0, photo.width, photo.height);
  else canvas.classList.add("unseen-photograph");
  return canvas;
}

/** The face as a square canvas of `size` pixels; null where the photograph can't be shown. */
export function crop(photo, box, size, words) {
  if (!photo.bitmap) return null;
  const side = Math.max(box.Width * photo.width, box.Height * photo.height) * 1.35;
  const left = (box.Left + box.Width / 2) * photo.width - side / 2;
  const top = (box.Top + box.Height / 2) * photo.height - side / 2;
  const canvas = h("canvas", { width: size, height: size, class: "thumb", role: "img", "aria-label": words });
  paint(canvas, photo.bitmap, left, top, side, side);
  return canvas;
}

/**
 * One face with its surroundings as a JPEG, the other faces of the photograph painted over: so only the one that was
 * named can be stored. Full size, decoded anew from the file.
 */
export async function cutOut(photo, box, others) {
  const area = around(photo, box);
  const bitmap = await createImageBitmap(photo.file, area.left, area.top, area.width, area.height);
  const canvas = h("canvas", { width: area.width, height: area.height });
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  context.fillStyle = "#808080";
  context.save();
  context.beginPath();
  // Where two boxes overlap, the named face stays whole.
  context.rect(0, 0, area.width, area.height);
  context.rect(box.Left * photo.width - area.left, box.Top * photo.height - area.top,
    box.Width * photo.width, box.Height * photo.height);
  context.clip("evenodd");
  for (const other of others) {
    context.fillRect(other.Left * photo.width - area.left, other.Top * photo.height - area.top,
      other.Width * photo.width, other.Height * photo.height);
  }
  context.restore();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
}

/** Lets go of the pixels. */
export function close(photo) {
  photo?.bitmap?.close();
}

function paint(canvas, bitmap, left, top, width, height) {
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, width, height, 0, 0, canvas.width, canvas.height);
}

function around(photo, box) {
  const [across, down] = [box.Width * photo.width, box.Height * photo.height];
  const left = Math.max(0, Math.floor(box.Left * photo.width - across));
  const top = Math.max(0, Math.floor(box.Top * photo.height - down));
  const right = Math.min(photo.width, Math.ceil((box.Left + box.Width) * photo.width + across));
  const bottom = Math.min(photo.height, Math.ceil((box.Top + box.Height) * photo.height + down));
  return { left, top, width: right - left, height: bottom - top };
}

/** Width and height of an upright HEIC from its boxes `ispe` and `irot` (ISO/IEC 23008-12); a guess for anything else. */
async function heifSize(file) {
  const head = new DataView(await file.slice(0, 1 << 16).arrayBuffer());
  let [found, turned] = [null, false];
  for (let at = 0; at + 16 <= head.byteLength; at += 1) {
    const kind = head.getUint32(at);
    if (kind === 0x69737065) {
      const size = { width: head.getUint32(at + 8), height: head.getUint32(at + 12) };
      if (!found || size.width * size.height > found.width * found.height) found = size;
    } else if (kind === 0x69726f74) {
      turned = head.getUint8(at + 4) % 2 === 1;
    }
  }
  if (!found?.width || !found.height) return UNKNOWN_SHAPE;
  return turned ? { width: found.height, height: found.width } : found;
}
