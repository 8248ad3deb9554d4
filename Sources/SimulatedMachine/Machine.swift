import JSON
import Linux
import MIG

/// A simulated machine in its directory: one driver, seen alike by every process that opens it.
package final class Machine: Sendable {
    package let layout: MachineLayout
    /// Who made the machine.
    let owner: (user: UserID, group: GroupID)
    let counters: SharedCounters
    let lock: MachineLock
    let holderDirectory: HolderDirectory
    private let document: SharedDocument<MachineState>
    let faultDocument: SharedDocument<[Fault]>

    /// Opens the machine of a directory; reads nothing that another process could be changing.
    package init(directory: String) throws(MachineError) {
        layout = MachineLayout(directory: directory)
        guard Files.exists(layout.header) else { throw .absent(directory: directory) }
        do {
            let state = try Files.attributes(layout.state)
            owner = (state.owner, state.group)
            counters = try SharedCounters(at: layout.header)
        } catch {
            throw .system(error)
        }
        lock = MachineLock(path: layout.lock)
        holderDirectory = HolderDirectory(path: layout.holders)
        document = SharedDocument(layout.machine, counters: counters, counter: .machine) {
            bytes throws(StateDamage) in try MachineState(bytes)
        }
        faultDocument = SharedDocument(layout.faults, counters: counters, counter: .faults) {
            bytes throws(StateDamage) in try Fault.list(bytes)
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
            try commit(state, after: before)
            return result
        }
    }

    /// Finishes what a killed process left half done, where this process may.
    package func mend() throws(MachineError) {
        guard counters.isWritable, counters[.tree] != counters[.machine] else { return }
        try lock.hold { () throws(MachineError) in try mendUnderLock() }
    }

    /// The device nodes of this machine.
    package func nodes(_ state: MachineState) -> NodeFiles {
        NodeFiles(
            layout: layout, style: state.nodes, module: state.module, majors: state.majors, owner: owner.user,
            group: owner.group)
    }

    private func commit(_ state: MachineState, after before: MachineState) throws(MachineError) {
        guard counters.isWritable else { throw .refused(.noPermission) }
        try document.replace(with: state, state.json.bytes())
        let changed = zip(state.gpus, before.gpus).filter {
            $0.instances != $1.instances || $0.minor != $1.minor || $0.isAttached != $1.isAttached
        }
        try updateTree(of: changed.map(\.0), in: state)
    }

    private func mendUnderLock() throws(MachineError) {
        guard counters.isWritable, counters[.tree] != counters[.machine] else { return }
        let state = try document.valueUnderLock()
        try updateTree(of: state.gpus, in: state)
    }

    // The state comes first and the tree follows it: a process killed in between leaves a tree that lags, which the
    // counter shows and the next process mends.
    private func updateTree(of gpus: [SimulatedGPU], in state: MachineState) throws(MachineError) {
        do throws(SystemError) {
            try CapabilityTree(layout: layout, state: state).update(to: gpus)
            for gpu in gpus {
                try GPUFiles(layout: layout).update(to: gpu)
                makeNode(of: gpu, state)
            }
        } catch {
            throw .system(error)
        }
        counters[.tree] = counters[.machine]
    }
}
