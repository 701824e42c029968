// Numbers in words as the server writes them: three figures, powers of ten only where decimals would hide a number.
const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function power(size, digits) {
  const [mantissa, exponent] = size.toExponential(digits).split("e");
  return `${mantissa}×10${[...String(Number(exponent))].map((one) => SUPERSCRIPTS[one]).join("")}`;
}

function plain(size) {
  if (size === 0) return "0";
  if (size >= 1e7) return power(size, 2);
  if (size >= 1000) return Math.round(size).toLocaleString("en");
  if (size >= 0.0095) return size.toFixed(3);
  return size >= 0.000095 ? size.toFixed(5) : power(size, 1);
}

// A number with its sign always written.
export function signed(value) {
  return `${value > 0 ? "+" : value < 0 ? "\u2212" : ""}${plain(Math.abs(value))}`;
}
