package import MIG

/// The window on the bus through which the host reaches a GPU's memory, BAR1.
extension GPUModel {
    /// The whole window: the least power of two that all the memory fits into.
    ///
    /// Public outputs of `nvidia-smi` show it so for A30, A100, H100 and H200; for the others it is inferred.
    package var bar1MiB: Int {
        var size = 1
        while size < memoryMiB { size *= 2 }
        return size
    }

    /// What a GPU instance has of it: the share of its memory slices, less one MiB where that is not all; inferred from
    /// the same outputs.
    package func bar1MiB(at placement: Placement) -> Int {
        placement.size == memorySlices ? bar1MiB : bar1MiB * placement.size / memorySlices - 1
    }
}
