import Linux
import MIG

/// The files of capabilities as programs write to them; `facts/nvidia-caps.md` 1.2.
///
/// The driver takes one line, `DeviceFileModify: N`, when its file is closed, and goes on to show its three. A plain file
/// holds what was written, until whatever makes nodes by it looks at it next and takes the line in.
extension Machine {
    /// How the node of a capability is to be made, as its file says now. Nil past the driver's table, and where the
    /// driver has no nodes.
    package func rule(of capability: Capability) throws(MachineError) -> NodeFiles.Rule? {
        let state = try state()
        guard state.module.hasCapabilityNodes, let minor = capability.minor else { return nil }
        let shown = try content(of: capability)
        let known = Array(state.text(of: capability).utf8)
        let modify = shown == known ? state.modify(of: capability) : try take(shown, for: capability, in: state)
        // Nothing but 1 lets anybody touch the node.
        return NodeFiles.Rule(minor: minor, mode: capability.mode, mayModify: modify == 1)
    }

    private func content(of capability: Capability) throws(MachineError) -> [UInt8] {
        do {
            return try Files.read(capability.path(in: layout), limit: 4096)
        } catch  where error.code == .fileTooBig {
            // The driver would have taken none of it.
            return []
        } catch {
            throw .system(error)
        }
    }

    /// Keeps what a write says, if it says anything, and shows the driver's three lines again.
    private func take(
        _ shown: [UInt8], for capability: Capability, in state: MachineState
    ) throws(MachineError) -> Int32 {
        // To append is to write, and what the file showed before is no part of it.
        let known = Array(state.text(of: capability).utf8)
        let line = shown.starts(with: known) ? shown.dropFirst(known.count) : shown[...]
        let modify = Capability.modify(writtenAs: line) ?? state.modify(of: capability)
        // Who may not keep it goes by it, and leaves that to the next who may.
        guard counters.isWritable else { return modify }
        let text = try change { state throws(MachineError) in
            // Gone meanwhile, it has nothing to remember.
            if state.capabilities.contains(capability) { state.written[capability] = modify }
            return state.text(of: capability)
        }
        // After the state: a process that is killed in between leaves a line that is taken in again.
        do throws(SystemError) {
            let file = try Files.open(capability.path(in: layout), [.write, .truncate, .noFollow])
            try file.write(Array(text.utf8))
        } catch  where error.code == .notFound {
            return modify
        } catch {
            throw .system(error)
        }
        return modify
    }
}
