// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import Glibc
import MIG
import SimulatedMachine
import Synchronization

// MARK: - Waiting for something to happen
//
// Two kinds of event ever come: errors that somebody raised, and changes of a GPU's MIG configuration. Each comes once to
// every set whose process waited for it when it happened, whether or not the process is inside a wait just then.

/// Event sets of this process, by the number that their handle is.
private enum EventSets {
    /// What a set waits for on one GPU: how much it has heard of each kind, nil where it does not wait for that kind.
    struct Entry {
        let index: Int
        var changes: UInt32?
        var xids: Int?
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
        let changes = types & nvmlEventTypeMigConfigChange == 0 ? nil : device.gpu.changes
        let xids = types & nvmlEventTypeXidCriticalError == 0 ? nil : try call.machine.xids().count
        let isKnown = EventSets.table.withLock { table in
            guard var entries = table.sets.removeValue(forKey: UInt(bitPattern: set)) else { return false }
            if let position = entries.firstIndex(where: { $0.index == device.index }) {
                // What the set waits for already it goes on waiting for, so that no event comes twice or is lost.
                entries[position].changes = entries[position].changes ?? changes
                entries[position].xids = entries[position].xids ?? xids
            } else {
                entries.append(EventSets.Entry(index: device.index, changes: changes, xids: xids))
            }
            table.sets[UInt(bitPattern: set)] = entries
            return true
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
            if let event = try nextEvent(of: UInt(bitPattern: set)) {
                data.pointee = event
                return
            }
            guard now() < deadline else { throw .refused(.timeout) }
            usleep(2000)
        }
    }

    /// The first event that a set has not heard of, which it then has.
    private func nextEvent(of set: UInt) throws(MachineError) -> nvmlEventData_t? {
        let now = Call(machine: machine, state: try machine.state(), epoch: epoch)
        guard now.state.load == state.load else { throw .refused(.gpuIsLost) }
        let xids = try machine.xids()
        let result: (isKnown: Bool, event: nvmlEventData_t?) = EventSets.table.withLock { table in
            guard let entries = table.sets[set] else { return (false, nil) }
            for (position, entry) in entries.enumerated() {
                if let heard = entry.xids, let next = xids.next(of: entry.index, from: heard) {
                    table.sets[set]?[position].xids = next.number + 1
                    return (true, now.event(next.xid))
                }
                if let heard = entry.changes, heard != now.state.gpus[entry.index].changes {
                    table.sets[set]?[position].changes = heard &+ 1
                    return (true, now.change(ofGPU: entry.index))
                }
            }
            return (true, nil)
        }
        guard result.isKnown else { throw .refused(.invalidArgument) }
        return result.event
    }

    private func event(_ xid: Xid) -> nvmlEventData_t {
        nvmlEventData_t(
            device: handle(ofGPU: xid.gpu), eventType: nvmlEventTypeXidCriticalError, eventData: UInt64(xid.code),
            gpuInstanceId: xid.gpuInstance?.rawValue ?? NVML_INSTANCE_ID_NONE,
            computeInstanceId: xid.computeInstance?.rawValue ?? NVML_INSTANCE_ID_NONE)
    }

    private func change(ofGPU index: Int) -> nvmlEventData_t {
        nvmlEventData_t(
            device: handle(ofGPU: index), eventType: nvmlEventTypeMigConfigChange, eventData: 0,
            gpuInstanceId: NVML_INSTANCE_ID_NONE, computeInstanceId: NVML_INSTANCE_ID_NONE)
    }

    private func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
