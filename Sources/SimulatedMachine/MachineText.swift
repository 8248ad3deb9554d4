import JSON

/// The state as its file has it, written anew only where a GPU is not as it was when it was written last.
///
/// Of a machine with many GPUs a change concerns one, and to write the others takes longer than the change.
struct MachineText: Sendable {
    private var gpus: [(gpu: SimulatedGPU, bytes: [UInt8])] = []

    /// The text of a state.
    mutating func bytes(of state: MachineState) -> [UInt8] {
        gpus = state.gpus.enumerated().map { index, gpu in
            let known = index < gpus.count && gpus[index].gpu == gpu
            return known ? gpus[index] : (gpu, gpu.json.bytes())
        }
        // The GPUs come last, after all that concerns the whole machine: `"gpus":[...]}`.
        let end = "]}".utf8
        var text = Array(state.json(gpus: []).bytes().dropLast(end.count))
        for (index, gpu) in gpus.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += gpu.bytes
        }
        return text + end
    }
}
