import JSON
import MIG

/// The state as its file has it, one compact line.
extension MachineState {
    static let limits = JSONLimits(bytes: 1 << 20, depth: 12, keysPerObject: 32, stringBytes: 256)

    /// With `gpus` for its GPUs, which come last.
    func json(gpus: [JSONValue]) -> JSONValue {
        [
            "version": 1,
            "driver": .string(driver.description),
            "mirrored": .bool(isMirrored),
            "renumbers": .bool(renumbersGPUs),
            "resettable": .bool(canResetGPUs),
            "estimates": .bool(admitsEstimates),
            "nodes": .string(nodes.rawValue),
            "module": [
                "modifiesDeviceFiles": .bool(module.modifiesDeviceFiles),
                "capabilityNodes": .bool(module.hasCapabilityNodes),
            ],
            "majors": [
                "nvidia": .integer(majors.nvidia), "capabilities": .integer(majors.capabilities),
                "uvm": .integer(majors.uvm),
            ],
            "load": .integer(load),
            "boots": .integer(boots),
            "lastSerial": .integer(lastSerial),
            "written": .array(
                written.sorted { ($0.key.minor ?? -1) < ($1.key.minor ?? -1) }.map { capability, modify in
                    ["minor": .integer(capability.minor ?? -1), "modify": .integer(modify)]
                }),
            "gpus": .array(gpus),
        ]
    }

    /// Reads what was written, and rebuilds every instance by the rules that made it, so that no state that the rules
    /// could not have led to is ever taken.
    init(_ bytes: [UInt8]) throws(StateDamage) {
        do {
            var reader = try JSONObjectReader(try JSONParser.parse(bytes, limits: Self.limits))
            guard try reader.integer("version") == 1 else { throw StateDamage.text("its version is not 1") }
            let driver = try reader.string("driver")
            let nodes = try reader.string("nodes")
            guard let driver = DriverVersion(driver), let nodes = NodeStyle(rawValue: nodes) else {
                throw StateDamage.text("driver or nodes are unknown words")
            }
            var majors = try reader.object("majors")
            var module = try reader.object("module")
            var parameters = ModuleParameters()
            parameters.modifiesDeviceFiles = try module.bool("modifiesDeviceFiles")
            parameters.hasCapabilityNodes = try module.bool("capabilityNodes")
            try module.finish()
            self.init(
                driver: driver, isMirrored: try reader.bool("mirrored"),
                renumbersGPUs: try reader.bool("renumbers"), canResetGPUs: try reader.bool("resettable"),
                admitsEstimates: try reader.bool("estimates"), nodes: nodes, module: parameters,
                majors: Majors(
                    nvidia: try majors.number("nvidia"), capabilities: try majors.number("capabilities"),
                    uvm: try majors.number("uvm")),
                gpus: [])
            try majors.finish()
            load = try reader.number("load")
            boots = try reader.number("boots")
            lastSerial = try reader.number("lastSerial")
            for gpu in try reader.array("gpus") {
                gpus.append(try SimulatedGPU(gpu, of: self))
            }
            for value in try reader.array("written") {
                var reader = try JSONObjectReader(value)
                let minor = Int(try reader.number("minor"))
                guard let capability = capabilities.first(where: { $0.minor == minor }) else {
                    throw StateDamage.text("something was written to a capability that is none")
                }
                written[capability] = Int32(try reader.integer("modify", in: Int64(Int32.min)...Int64(Int32.max)))
                try reader.finish()
            }
            try reader.finish()
        } catch {
            throw StateDamage(error)
        }
    }
}

/// Why a file of the machine is not what the machine wrote.
package enum StateDamage: Error, Sendable, CustomStringConvertible {
    case text(String)

    init(_ error: any Error) {
        if let code = error as? DriverCode {
            self = .text("it has an instance that the driver would not make: \(code.text)")
        } else {
            self = error as? StateDamage ?? .text("\(error)")
        }
    }

    package var description: String {
        switch self {
        case .text(let text): text
        }
    }
}

extension JSONObjectReader {
    fileprivate mutating func number(_ key: String) throws(JSONShapeError) -> UInt32 {
        UInt32(try integer(key, in: 0...Int64(UInt32.max)))
    }

    fileprivate mutating func placement() throws(JSONShapeError) -> Placement {
        Placement(start: Int(try integer("start", in: 0...63)), size: Int(try integer("size", in: 1...64)))
    }
}

extension MachineState {
    /// A model as the driver shows it; one that an earlier GPU has is not worked out again.
    fileprivate func shownModel(named name: String) -> GPUModel? {
        if let known = gpus.last(where: { $0.model.name.hasBytes(of: name) }) { return known.model }
        return GPUModel.all.first { $0.name.hasBytes(of: name) }?.shown(by: driver, admittingEstimates: admitsEstimates)
    }
}

extension SimulatedGPU {
    var json: JSONValue {
        [
            "model": .string(model.name),
            "uuid": .string(uuid.description),
            "serial": .string(serial),
            "pci": .string(pci.description),
            "minor": .integer(minor),
            "enabled": .bool(mode.isEnabled),
            "pending": .bool(mode.isPendingEnabled),
            "persistent": .bool(isPersistent),
            "computeMode": .integer(computeMode),
            "resets": .integer(resets),
            "changes": .integer(changes),
            "attached": .bool(isAttached),
            "released": .bool(isReleased),
            "instances": .array(instances.map(\.json)),
        ]
    }

    fileprivate init(_ value: JSONValue, of state: MachineState) throws {
        var reader = try JSONObjectReader(value)
        let model = try reader.string("model")
        let uuid = try reader.string("uuid")
        let pci = try reader.string("pci")
        guard let model = state.shownModel(named: model), let uuid = GPUUUID(uuid),
            let pci = PCIAddress(pci)
        else { throw StateDamage.text("a GPU's model, UUID or PCI address is none") }
        let isEnabled = try reader.bool("enabled")
        self.init(
            model: model, uuid: uuid, serial: try reader.string("serial"), pci: pci,
            minor: Int(try reader.integer("minor", in: 0...Int64(CapabilityMinor.gpuCount - 1))),
            isMIGEnabled: isEnabled)
        mode = MIGMode(isEnabled: isEnabled, isPendingEnabled: try reader.bool("pending"))
        isPersistent = try reader.bool("persistent")
        computeMode = try reader.number("computeMode")
        resets = try reader.number("resets")
        changes = try reader.number("changes")
        isAttached = try reader.bool("attached")
        isReleased = try reader.bool("released")
        for instance in try reader.array("instances") {
            try restore(instance, isMirrored: state.isMirrored)
        }
        try reader.finish()
    }

    private mutating func restore(_ value: JSONValue, isMirrored: Bool) throws {
        var reader = try JSONObjectReader(value)
        let instance = try createInstance(
            GPUInstanceProfileID(try reader.number("profile")), at: try reader.placement(),
            serial: try reader.number("serial"), isMirrored: isMirrored, hasClient: false)
        for value in try reader.array("compute") {
            var reader = try JSONObjectReader(value)
            _ = try createCompute(
                ComputeInstanceProfileID(try reader.number("profile")), in: instance.id, at: try reader.placement(),
                serial: try reader.number("serial"), wanted: ComputeInstanceID(try reader.number("id")))
            try reader.finish()
        }
        try reader.finish()
    }
}

extension SimulatedGPU.Instance {
    fileprivate var json: JSONValue {
        [
            "profile": .integer(profile.rawValue),
            "start": .integer(placement.start),
            "size": .integer(placement.size),
            "serial": .integer(serial),
            "compute": .array(
                computeInstances.map { compute in
                    [
                        "id": .integer(compute.id.rawValue),
                        "profile": .integer(compute.profile.rawValue),
                        "start": .integer(compute.placement.start),
                        "size": .integer(compute.placement.size),
                        "serial": .integer(compute.serial),
                    ]
                }),
        ]
    }
}
