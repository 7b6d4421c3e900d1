// The public names of a package, as its declarations give them: one line per export, with its kind and its signature.
import ts from "typescript";

/** @param {string} entry path of the package's `index.d.ts` */
export function publicNames(entry) {
  const program = ts.createProgram([entry], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    skipLibCheck: true,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  if (source === undefined) throw new Error(`${entry} is missing: build first`);
  const module = checker.getSymbolAtLocation(source);
  if (module === undefined) return "";
  return checker
    .getExportsOfModule(module)
    .map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const declaration = target.declarations?.[0];
      if (declaration === undefined) return `? ${symbol.name}`;
      if (target.flags & ts.SymbolFlags.Function) {
        const type = checker.getTypeOfSymbolAtLocation(target, declaration);
        return type
          .getCallSignatures()
          .map(
            (signature) =>
              `function ${symbol.name}${checker.signatureToString(signature, undefined, ts.TypeFormatFlags.NoTruncation)}`,
          )
          .join("\n");
      }
      if (target.flags & ts.SymbolFlags.Class) return `class ${symbol.name}`;
      if (target.flags & ts.SymbolFlags.Interface) {
        const members = checker.getDeclaredTypeOfSymbol(target).getProperties();
        return `interface ${symbol.name} { ${members.map((m) => `${m.name}${m.flags & ts.SymbolFlags.Optional ? "?" : ""}`).join(", ")} }`;
      }
      if (target.flags & ts.SymbolFlags.TypeAlias) return `type ${symbol.name}`;
      return `const ${symbol.name}`;
    })
    .sort()
    .join("\n")
    .concat("\n");
}
