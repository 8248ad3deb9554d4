import JSON
import Linux
import MIG

/// What a new machine is to be.
package struct MachinePlan: Sendable {
    package var models: [GPUModel]
    package var driver: DriverVersion = .usual
    package var isMIGEnabled = false
    package var isMirrored = false
    package var renumbersGPUs = false
    package var canResetGPUs = true
    package var admitsEstimates = false
    package var nodes: MachineState.NodeStyle = .device
    package var module = ModuleParameters()
    /// The built driver library that is copied into the machine.
    package var library: String
    /// Functions that the copy is to lack, as the library of an older driver does.
    package var missingFunctions: [String] = []

    package init(models: [GPUModel], library: String) {
        self.models = models
        self.library = library
    }

    /// The models as the machine's driver shows them.
    package var shownModels: [GPUModel] {
        models.map { $0.shown(by: driver, admittingEstimates: admitsEstimates) }
    }
}

/// How machines come to be, are restarted, and are used by processes.
extension Machine {
    /// Makes a machine in a directory that is empty or not there yet.
    ///
    /// The header is written last, so a directory that is half made is no machine. Device nodes need CAP_MKNOD. Refused
    /// with FUNCTION_NOT_FOUND, and nothing made, where the library has no function that it is to lack.
    package static func make(_ plan: MachinePlan, in directory: String) throws(MachineError) {
        let layout = MachineLayout(directory: directory)
        let majors = HostDevices.freeMajors()
        let gpus = plan.shownModels.enumerated().map { index, model in
            SimulatedGPU(
                model: model, uuid: DeviceNames.gpuUUID(Random.bytes(16)), serial: serialNumber(),
                pci: PCIAddress(domain: 0, bus: UInt8(7 + 7 * index), device: 0), minor: index,
                isMIGEnabled: plan.isMIGEnabled && model.supportsMIG)
        }
        let state = MachineState(
            driver: plan.driver, isMirrored: plan.isMirrored, renumbersGPUs: plan.renumbersGPUs,
            canResetGPUs: plan.canResetGPUs, admitsEstimates: plan.admitsEstimates, nodes: plan.nodes,
            module: plan.module, majors: majors, gpus: gpus)
        let library = try LibraryFile(of: plan)
        do throws(SystemError) {
            try Files.makeDirectories(directory)
            for name in ["lib", "state", "dev"] { try Files.makeDirectory("\(directory)/\(name)") }
            try Files.write(layout.library, library.bytes, mode: 0o755)
            let files = DriverFiles(layout: layout, state: state)
            try files.make()
            try files.makeBootNodes()
            try Files.makeDirectory(layout.holders)
            try Files.setMode(layout.holders, 0o1777)
            try Files.write(layout.lock, [])
            try Files.write(layout.sessions, [])
            try SharedDocument<[Fault]>.make(layout.faults, Fault.bytes(of: []))
            try SharedDocument<XidLog>.make(layout.xids, XidLog().bytes)
            var text = MachineText()
            try SharedDocument<MachineState>.make(layout.machine, text.bytes(of: state))
            try SharedCounters.make(at: layout.header)
        } catch {
            throw .system(error)
        }
    }

    /// Unloads the driver and loads it again; refused while processes use it.
    package func reload() throws(MachineError) {
        try change { state throws(MachineError) in
            guard try holderDirectory.living().isEmpty else { throw .refused(.inUse) }
            try holderDirectory.clear(all: false)
            state.reload(isReset: state.canResetGPUs)
            try renewCapabilities(of: state)
        }
    }

    /// Restarts the machine: its processes are gone, and so are the nodes that nobody makes at boot.
    package func reboot() throws(MachineError) {
        try change { state throws(MachineError) in
            state.boots &+= 1
            state.reload(isReset: true)
        }
    }

    /// What a restart does besides to the state: where it is killed in the middle, the next process does it again.
    func restart(_ state: MachineState) throws(MachineError) {
        try holderDirectory.clear(all: true)
        try renewCapabilities(of: state)
        do throws(SystemError) {
            for name in try Files.list(layout.dev) { try Files.removeTree("\(layout.dev)/\(name)") }
            try DriverFiles(layout: layout, state: state).makeBootNodes()
        } catch {
            throw .system(error)
        }
    }

    /// Resets a GPU, or all, as `nvidia-smi --gpu-reset` does; refused while processes use one of them.
    package func reset(gpu index: Int?) throws(MachineError) {
        try change { state throws(MachineError) in
            // Inferred: the tool has no other way than the one that the driver may not take.
            guard state.canResetGPUs else { throw .refused(.notSupported) }
            let indices = index.map { $0..<$0 + 1 } ?? state.gpus.indices
            guard indices.upperBound <= state.gpus.count else { throw .refused(.notFound) }
            for index in indices {
                guard try !isInUse(state.gpus[index]) else { throw .refused(.inUse) }
                state.reset(gpu: index)
            }
        }
    }

    /// Enters a process as one that uses a GPU or MIG device; refused where the device is gone or its memory full.
    package func enter(_ holder: Holder) throws(MachineError) {
        try lock.hold { () throws(MachineError) in
            guard let gpu = try stateUnderLock().gpus.first(where: { $0.uuid == holder.gpu }) else {
                throw .refused(.notFound)
            }
            // Memory is the GPU instance's; its compute instances share it.
            let others = try holders(of: gpu).filter { $0.instance?.gpuInstance == holder.instance?.gpuInstance }
            let capacity: Int
            if let instance = holder.instance {
                guard let found = gpu.instance(instance.gpuInstance),
                    found.computeInstances.contains(where: { $0.id == instance.computeInstance }),
                    let profile = gpu.profile(of: found)
                else { throw .refused(.notFound) }
                capacity = profile.gpuInstance.memoryMiB
            } else {
                guard !gpu.mode.isEnabled else { throw .refused(.notSupported) }
                capacity = gpu.model.memoryMiB
            }
            let used = others.reduce(holder.memoryMiB) { $0 + $1.memoryMiB }
            guard used <= capacity else { throw .refused(.insufficientResources) }
            // Or every call that asks who uses a GPU would look at all that ever did.
            try holderDirectory.clear(all: false)
            try holderDirectory.enter(holder)
        }
    }

    /// The files of the driver that was unloaded are gone with it, and with them what was written to them.
    private func renewCapabilities(of state: MachineState) throws(MachineError) {
        do {
            try DriverFiles(layout: layout, state: state).makeCapabilities()
        } catch {
            throw .system(error)
        }
    }

    private static func serialNumber() -> String {
        "13" + Random.bytes(11).map { String($0 % 10) }.joined()
    }
}
