/** Modules of the package that few need: each is read when it is needed first. */

/** Returns the bytes of a file of the package. */
export type ReadAsset = (address: string) => Promise<Uint8Array>;

export class LateModules {
  private readonly modules = new Map<string, Promise<WebAssembly.Module>>();

  constructor(private readonly read: ReadAsset) {}

  get(address: string): Promise<WebAssembly.Module> {
    let module = this.modules.get(address);
    if (!module) {
      module = this.read(address).then((bytes) => WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>));
      module.catch(() => this.modules.delete(address)); // the next time it is tried again
      this.modules.set(address, module);
    }
    return module;
  }
}
