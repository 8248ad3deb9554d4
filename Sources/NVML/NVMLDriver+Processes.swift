internal import CNVML
package import MIG

/// A process that uses a MIG device.
package struct RunningProcess: Hashable, Sendable {
    package let pid: Int32
    /// Nil where the driver does not tell.
    package let memoryMiB: Int?
}

extension NVMLDriver {
    // The list is read again with more room while it grows; beyond this nobody could use the answer.
    private static let mostProcesses = 4096

    /// The processes that run on a compute instance, by pid.
    package func processes(
        on ci: ComputeInstanceID, in gi: GPUInstanceID, of gpu: GPUUUID
    ) throws(NVMLError) -> [RunningProcess] {
        guard let compute = unsafe functions.computeProcesses else {
            throw .symbolMissing([
                "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2",
            ])
        }
        let instance = try computeInstance(ci, in: try gpuInstance(gi, on: gpu))
        guard let device = try info(of: instance).device else {
            throw .nonsense(call: "nvmlComputeInstanceGetInfo_v2", answer: "no device")
        }
        var entries = try processes("nvmlDeviceGetComputeRunningProcesses_v3") {
            unsafe compute(device.raw, $0, $1)
        }
        if let graphics = unsafe functions.graphicsProcesses {
            do throws(NVMLError) {
                entries += try processes("nvmlDeviceGetGraphicsRunningProcesses_v3") {
                    unsafe graphics(device.raw, $0, $1)
                }
            } catch .call(_, .notSupported) {
                // Most instances have no graphics, and a driver may say so rather than give an empty list.
            }
        }
        var byPID: [UInt32: RunningProcess] = [:]
        for entry in entries {
            let isTold = entry.usedGpuMemory != NVML_VALUE_NOT_AVAILABLE_U64
            byPID[entry.pid] = RunningProcess(
                pid: Int32(truncatingIfNeeded: entry.pid),
                memoryMiB: isTold ? Int(entry.usedGpuMemory >> 20) : nil)
        }
        return byPID.values.sorted { $0.pid < $1.pid }
    }

    @safe private func processes(
        _ name: String,
        _ body: (UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<nvmlProcessInfo_t>?) -> nvmlReturn_t
    ) throws(NVMLError) -> [nvmlProcessInfo_t] {
        var capacity = 64
        while true {
            do throws(NVMLError) {
                return try list(name, nvmlProcessInfo_t(), capacity: capacity) { items, count in
                    unsafe body(count, items)
                }
            } catch .call(name, .insufficientSize) where capacity < Self.mostProcesses {
                capacity *= 4
            }
        }
    }
}
