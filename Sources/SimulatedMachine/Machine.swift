import JSON
import Linux
import MIG
import Synchronization

/// A simulated machine in its directory: one driver, seen alike by every process that opens it.
package final class Machine: Sendable {
    package let layout: MachineLayout
    /// Who made the machine.
    let owner: (user: UserID, group: GroupID)
    let counters: SharedCounters
    let lock: MachineLock
    let holderDirectory: HolderDirectory
    private let document: SharedDocument<MachineState>
    private let text = Mutex(MachineText())
    let faultDocument: SharedDocument<[Fault]>
    let xidDocument: SharedDocument<XidLog>

    /// Opens the machine of a directory; reads nothing that another process could be changing.
    package init(directory: String) throws(MachineError) {
        layout = MachineLayout(directory: directory)
        guard Files.exists(layout.header) else { throw .absent(directory: directory) }
        do {
            let state = try Files.attributes(layout.state)
            owner = (state.owner, state.group)
        } catch {
            throw .system(error)
        }
        counters = try SharedCounters(at: layout.header)
        lock = MachineLock(path: layout.lock)
        holderDirectory = HolderDirectory(path: layout.holders)
        document = SharedDocument(layout.machine, counters: counters, counter: .machine) {
            bytes throws(StateDamage) in try MachineState(bytes)
        }
        faultDocument = SharedDocument(layout.faults, counters: counters, counter: .faults) {
            bytes throws(StateDamage) in try Fault.list(bytes)
        }
        xidDocument = SharedDocument(layout.xids, counters: counters, counter: .xids) {
            bytes throws(StateDamage) in try XidLog(bytes)
        }
    }

    /// The machine as it stands; costs next to nothing where nothing changed since this process last looked.
    package func state() throws(MachineError) -> MachineState {
        try document.value(lock: lock)
    }

    /// The machine as it stands, for one who holds the lock.
    func stateUnderLock() throws(MachineError) -> MachineState { try document.valueUnderLock() }

    /// Changes the machine: whole, or where the body refuses not at all.
    ///
    /// The body runs with no other change beside it. Needs the right to write the state.
    package func change<Result>(
        _ body: (inout MachineState) throws(MachineError) -> Result
    ) throws(MachineError) -> Result {
        try lock.hold { () throws(MachineError) in
            try mendUnderLock()
            let before = try document.valueUnderLock()
            var state = before
            let result = try body(&state)
            state.forgetWritten()
            state.countChanges(since: before)
            try commit(state, after: before)
            return result
        }
    }

    /// Finishes what a killed process left half done, where this process may.
    package func mend() throws(MachineError) {
        guard try isTreeBehind else { return }
        try lock.hold { () throws(MachineError) in try mendUnderLock() }
    }

    /// The device nodes of this machine.
    package func nodes(_ state: MachineState) -> NodeFiles {
        NodeFiles(
            layout: layout, style: state.nodes, module: state.module, majors: state.majors, owner: owner.user,
            group: owner.group)
    }

    // The state comes first and the files follow it: a process killed in between leaves files that lag, which the
    // counter shows and the next process mends.
    private func commit(_ state: MachineState, after before: MachineState) throws(MachineError) {
        guard counters.isWritable else { throw .refused(.noPermission) }
        try document.replace(with: state, text.withLock { $0.bytes(of: state) })
        let pairs = zip(before.gpus, state.gpus)
        guard before.boots == state.boots, pairs.allSatisfy({ $0.minor == $1.minor && $0.isAttached == $1.isAttached })
        else {
            return try mendUnderLock()
        }
        do throws(SystemError) {
            for (old, gpu) in pairs where old.instances != gpu.instances {
                try CapabilityTree(layout: layout, state: state).update(to: gpu, from: old)
                makeNode(of: gpu, state)
            }
        } catch {
            throw .system(error)
        }
        counters.set(.tree, to: try counters.count(.machine))
    }

    /// Whether the files do not follow the state yet, and this process may have them do so.
    private var isTreeBehind: Bool {
        get throws(MachineError) {
            guard counters.isWritable else { return false }
            return try counters.count(.tree) != counters.count(.machine)
        }
    }

    private func mendUnderLock() throws(MachineError) {
        guard try isTreeBehind else { return }
        let state = try document.valueUnderLock()
        if try counters.count(.boot) != state.boots {
            try restart(state)
            counters.set(.boot, to: state.boots)
        }
        do throws(SystemError) {
            try CapabilityTree(layout: layout, state: state).update(to: state.gpus)
            for gpu in state.gpus {
                try GPUFiles(layout: layout).update(to: gpu)
                makeNode(of: gpu, state)
            }
        } catch {
            throw .system(error)
        }
        counters.set(.tree, to: try counters.count(.machine))
    }
}
