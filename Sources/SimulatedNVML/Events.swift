// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import Glibc
import MIG
import SimulatedMachine
import Synchronization

// MARK: - Waiting for something to happen
//
// A simulated GPU has no errors of its own, so of all events only a change of its MIG configuration ever comes.

/// Event sets of this process, by the number that their handle is.
private enum EventSets {
    struct Entry {
        let index: Int
        let types: UInt64
        /// What the GPU's configuration was when last looked at.
        var seen: Configuration
    }

    struct Configuration: Equatable {
        let mode: MIGMode
        let instances: [SimulatedGPU.Instance]

        init(_ gpu: SimulatedGPU) {
            mode = gpu.mode
            instances = gpu.instances
        }
    }

    struct Table {
        var last: UInt = 0
        var sets: [UInt: [Entry]] = [:]
    }

    static let table = Mutex(Table())

    static let supported =
        nvmlEventTypeSingleBitEccError | nvmlEventTypeDoubleBitEccError | nvmlEventTypeXidCriticalError
        | nvmlEventTypeMigConfigChange
}

@c @implementation
public func nvmlEventSetCreate(_ set: UnsafeMutablePointer<nvmlEventSet_t?>?) -> nvmlReturn_t {
    answer { _ throws(MachineError) in
        guard let set else { throw .refused(.invalidArgument) }
        set.pointee = EventSets.table.withLock { table in
            table.last += 1
            table.sets[table.last] = []
            return OpaquePointer(bitPattern: table.last)
        }
    }
}

@c @implementation
public func nvmlEventSetFree(_ set: nvmlEventSet_t?) -> nvmlReturn_t {
    answer(lost: true) { _ throws(MachineError) in
        guard EventSets.table.withLock({ $0.sets.removeValue(forKey: UInt(bitPattern: set)) }) != nil else {
            throw .refused(.invalidArgument)
        }
    }
}

@c @implementation
public func nvmlDeviceGetSupportedEventTypes(
    _ device: nvmlDevice_t?, _ types: UnsafeMutablePointer<nvml_u64>?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        _ = try call.gpu(device)
        try put(EventSets.supported, into: types)
    }
}

@c @implementation
public func nvmlDeviceRegisterEvents(
    _ device: nvmlDevice_t?, _ types: nvml_u64, _ set: nvmlEventSet_t?
) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        let device = try call.gpu(device)
        guard types & ~EventSets.supported == 0 else { throw .refused(.notSupported) }
        let entry = EventSets.Entry(index: device.index, types: types, seen: EventSets.Configuration(device.gpu))
        let isKnown = EventSets.table.withLock { table in
            table.sets[UInt(bitPattern: set)]?.append(entry) != nil
        }
        guard isKnown else { throw .refused(.invalidArgument) }
    }
}

@c @implementation
public func nvmlEventSetWait(
    _ set: nvmlEventSet_t?, _ data: UnsafeMutablePointer<nvmlEventData_t>?, _ milliseconds: nvml_u32
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.wait(set, data, milliseconds) }
}

@c @implementation
public func nvmlEventSetWait_v2(
    _ set: nvmlEventSet_t?, _ data: UnsafeMutablePointer<nvmlEventData_t>?, _ milliseconds: nvml_u32
) -> nvmlReturn_t {
    answer { call throws(MachineError) in try call.wait(set, data, milliseconds) }
}

extension Call {
    fileprivate func wait(
        _ set: nvmlEventSet_t?, _ data: UnsafeMutablePointer<nvmlEventData_t>?, _ milliseconds: UInt32
    ) throws(MachineError) {
        guard let data else { throw .refused(.invalidArgument) }
        let deadline = now() + UInt64(milliseconds)
        while true {
            if let index = try changedGPU(UInt(bitPattern: set)) {
                data.pointee = nvmlEventData_t(
                    device: handle(ofGPU: index), eventType: nvmlEventTypeMigConfigChange,
                    eventData: 0, gpuInstanceId: NVML_INSTANCE_ID_NONE, computeInstanceId: NVML_INSTANCE_ID_NONE)
                return
            }
            guard now() < deadline else { throw .refused(.timeout) }
            usleep(2000)
        }
    }

    private func changedGPU(_ set: UInt) throws(MachineError) -> Int? {
        let state = try machine.state()
        let result: (isKnown: Bool, index: Int?) = EventSets.table.withLock { table in
            guard let entries = table.sets[set] else { return (false, nil) }
            for (position, entry) in entries.enumerated() where entry.types & nvmlEventTypeMigConfigChange != 0 {
                let configuration = EventSets.Configuration(state.gpus[entry.index])
                if configuration != entry.seen {
                    table.sets[set]?[position].seen = configuration
                    return (true, entry.index)
                }
            }
            return (true, nil)
        }
        guard result.isKnown else { throw .refused(.invalidArgument) }
        return result.index
    }

    private func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
