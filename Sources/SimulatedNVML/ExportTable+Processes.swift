import CNVML
import SimulatedMachine

/// Processes with their names, a list for each kind.
extension ExportTable {
    typealias ProcessList = @convention(c) (nvmlDevice_t?, Number, UnsafeMutableRawPointer?) -> nvmlReturn_t

    static let computeProcesses: ProcessList = {
        list(.compute, $0, $1, $2, as: "nvmlDeviceGetComputeRunningProcesses_v3")
    }
    static let graphicsProcesses: ProcessList = {
        list(.graphics, $0, $1, $2, as: "nvmlDeviceGetGraphicsRunningProcesses_v3")
    }
    static let mpsProcesses: ProcessList = {
        list(.mps, $0, $1, $2, as: "nvmlDeviceGetMPSComputeRunningProcesses_v3")
    }

    /// Lists processes as the public function does, whose faults it shares; each entry ends with the process's name.
    private static func list(
        _ kind: ProcessKind, _ device: nvmlDevice_t?, _ count: Number, _ array: UnsafeMutableRawPointer?,
        as function: StaticString
    ) -> nvmlReturn_t {
        let detailSize = MemoryLayout<nvmlProcessDetail_v1_t>.size
        let nameSize = 4096
        return answer(function) { call throws(MachineError) in
            for (index, holder) in try call.processes(kind, device, count, array).enumerated() {
                guard let entry = array?.advanced(by: index * (detailSize + nameSize)) else { continue }
                entry.storeBytes(of: nvmlProcessDetail_v1_t(holder), as: nvmlProcessDetail_v1_t.self)
                let name = (entry + detailSize).assumingMemoryBound(to: CChar.self)
                // Without a name nvidia-smi leaves a process out, and one that ended just now has none.
                try put(Holder.name(of: holder.pid) ?? "", cutInto: name, UInt32(nameSize))
            }
        }
    }
}
