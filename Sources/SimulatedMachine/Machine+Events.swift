/// What the driver tells those who wait for it. That a GPU's configuration changed is counted in its state.
extension Machine {
    /// The errors that GPUs had.
    package func xids() throws(MachineError) -> XidLog { try xidDocument.value(lock: lock) }

    /// Has a GPU report an error; refused where the GPU or the instance is not there.
    package func raise(_ xid: Xid) throws(MachineError) {
        try lock.hold { () throws(MachineError) in
            guard counters.isWritable else { throw .refused(.noPermission) }
            let gpus = try stateUnderLock().gpus
            guard gpus.indices.contains(xid.gpu) else { throw .refused(.notFound) }
            if let id = xid.gpuInstance {
                guard let instance = gpus[xid.gpu].instance(id) else { throw .refused(.notFound) }
                let compute = instance.computeInstances
                guard xid.computeInstance == nil || compute.contains(where: { $0.id == xid.computeInstance }) else {
                    throw .refused(.notFound)
                }
            }
            var log = try xidDocument.valueUnderLock()
            log.add(xid)
            try xidDocument.replace(with: log, log.bytes)
        }
    }
}
