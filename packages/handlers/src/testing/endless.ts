/** Is never loaded. */
export default (): never => {
  for (;;);
};
