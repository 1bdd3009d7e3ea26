// Where something is, out of what people paste: coordinates, or the address of a map. Pure.

const NUMBER = String.raw`(-?\d{1,3}(?:\.\d{1,12})?)`;
const PAIR = new RegExp(`^${NUMBER}\\s*[,;\\s]\\s*${NUMBER}$`, "u");
const WAYS = [
  new RegExp(`!3d${NUMBER}!4d${NUMBER}`, "u"),
  new RegExp(`@${NUMBER},${NUMBER}`, "u"),
  new RegExp(`[?&](?:q|ll|query|destination|center)=(?:loc:)?${NUMBER}(?:,|%2C)\\s*${NUMBER}`, "iu"),
  new RegExp(`[?&]mlat=${NUMBER}&mlon=${NUMBER}`, "u"),
  new RegExp(`#map=\\d{1,2}/${NUMBER}/${NUMBER}`, "u"),
  new RegExp(`^geo:${NUMBER},${NUMBER}`, "u"),
];

/** `{ latitude, longitude }`, or null where none can be read. */
export function readPlace(text) {
  const plain = text.trim().slice(0, 2000);
  const match = PAIR.exec(plain) ?? WAYS.map((way) => way.exec(plain)).find(Boolean);
  if (!match) return null;
  const [latitude, longitude] = [Number(match[1]), Number(match[2])];
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : null;
}
