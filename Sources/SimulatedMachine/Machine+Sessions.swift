/// What the first use of a GPU does to it.
///
/// Who may not write the state leaves that to others.
extension Machine {
    /// Brings up the GPUs that nothing has used since the driver was loaded.
    package func attach() throws(MachineError) {
        guard counters.isWritable, try state().gpus.contains(where: { !$0.isAttached }) else { return }
        try change { state throws(MachineError) in
            for index in state.gpus.indices { state.gpus[index].isAttached = true }
        }
    }
}
