/** @throws `RangeError` */
export function checkSize(width: number, height: number, maxPixels: number): void {
  if (width < 1 || height < 1) throw new RangeError(`a picture of ${width} × ${height} pixels`);
  if (width * height > maxPixels)
    throw new RangeError(`a picture of ${width} × ${height} pixels; at most ${maxPixels} pixels are read`);
}
