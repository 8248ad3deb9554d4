import CNVML
import MIG
import SimulatedMachine

/// What a handle stands for. It is a number in a pointer's clothes: nothing is allocated, nothing can dangle, and a
/// handle of a gone instance or an ended session is known as such.
enum Handle: Hashable {
    case gpu(Int, resets: UInt32)
    case migDevice(gpu: Int, GPUInstanceID, ComputeInstanceID, serial: UInt32)
    /// A MIG device as the information on its compute instance names it. Its UUID is the MIG device's, which Kubernetes'
    /// driver reads there, and its index the GPU's, which `nvidia-smi mig -lci` prints.
    case computeDevice(gpu: Int, GPUInstanceID, ComputeInstanceID, serial: UInt32)
    case gpuInstance(gpu: Int, GPUInstanceID, serial: UInt32)
    case computeInstance(gpu: Int, GPUInstanceID, ComputeInstanceID, serial: UInt32)

    /// Session epochs run from 0 to this.
    static let epochs: UInt32 = 0xFFF

    // From the lowest bit: kind 4, GPU 5, GPU instance 4, compute instance 3, epoch 12, serial 32.
    func pointer(epoch: UInt32) -> OpaquePointer? {
        let (kind, gpu, gi, ci, serial): (UInt, Int, UInt32, UInt32, UInt32) =
            switch self {
            case .gpu(let gpu, let resets): (1, gpu, 0, 0, resets)
            case .migDevice(let gpu, let gi, let ci, let serial): (2, gpu, gi.rawValue, ci.rawValue, serial)
            case .gpuInstance(let gpu, let gi, let serial): (3, gpu, gi.rawValue, 0, serial)
            case .computeInstance(let gpu, let gi, let ci, let serial): (4, gpu, gi.rawValue, ci.rawValue, serial)
            case .computeDevice(let gpu, let gi, let ci, let serial): (5, gpu, gi.rawValue, ci.rawValue, serial)
            }
        let low = kind | UInt(gpu) << 4 | UInt(gi) << 9 | UInt(ci) << 13 | UInt(epoch) << 16
        return OpaquePointer(bitPattern: low | UInt(serial) << 28)
    }

    init?(_ pointer: OpaquePointer?, epoch: UInt32) {
        let bits = UInt(bitPattern: pointer)
        guard bits >> 16 & UInt(Self.epochs) == UInt(epoch), bits >> 60 == 0 else { return nil }
        let gpu = Int(bits >> 4 & 0x1F)
        let gi = GPUInstanceID(UInt32(bits >> 9 & 0xF))
        let ci = ComputeInstanceID(UInt32(bits >> 13 & 0x7))
        let serial = UInt32(truncatingIfNeeded: bits >> 28)
        switch bits & 0xF {
        case 1: self = .gpu(gpu, resets: serial)
        case 2: self = .migDevice(gpu: gpu, gi, ci, serial: serial)
        case 3: self = .gpuInstance(gpu: gpu, gi, serial: serial)
        case 4: self = .computeInstance(gpu: gpu, gi, ci, serial: serial)
        case 5: self = .computeDevice(gpu: gpu, gi, ci, serial: serial)
        default: return nil
        }
    }
}

/// A GPU or a MIG device, as one handle type of the library may mean either.
struct Device {
    let index: Int
    let gpu: SimulatedGPU
    /// Nil for the GPU itself.
    let part: Part?
    /// What NVML calls the index of the device.
    let number: Int

    struct Part {
        let instance: SimulatedGPU.Instance
        let compute: SimulatedGPU.Compute
        let profile: GPUModel.Profile
        let computeProfile: ComputeInstanceProfile
    }
}

/// A GPU instance behind a handle.
struct InstanceReference {
    let index: Int
    let gpu: SimulatedGPU
    let instance: SimulatedGPU.Instance
    let profile: GPUModel.Profile
}

extension Call {
    /// The handle of a GPU, good until the GPU is reset.
    func handle(ofGPU index: Int) -> OpaquePointer? {
        Handle.gpu(index, resets: state.gpus[index].resets).pointer(epoch: epoch)
    }

    /// The GPU or MIG device of a handle.
    func device(_ pointer: OpaquePointer?) throws(MachineError) -> Device {
        switch Handle(pointer, epoch: epoch) {
        case .gpu(let index, let resets) where index < state.gpus.count:
            // That handles must be read anew after a reset is known, what an old one answers is inferred: the device
            // behind it has become inaccessible, which is how the header describes this code.
            guard state.gpus[index].resets == resets else { throw .refused(.gpuIsLost) }
            return Device(index: index, gpu: state.gpus[index], part: nil, number: index)
        case .migDevice(let index, let gi, let ci, let serial):
            let device = try part(index, gi, ci, serial, number: 0)
            let position = device.gpu.devices.firstIndex { $0.compute.serial == serial }
            return Device(index: index, gpu: device.gpu, part: device.part, number: position ?? 0)
        case .computeDevice(let index, let gi, let ci, let serial):
            return try part(index, gi, ci, serial, number: index)
        default:
            throw .refused(.invalidArgument)
        }
    }

    /// The GPU of a handle; a MIG device's handle will not do.
    func gpu(_ pointer: OpaquePointer?) throws(MachineError) -> Device {
        let device = try device(pointer)
        guard device.part == nil else { throw .refused(.notSupported) }
        return device
    }

    /// The MIG device of a handle; a GPU's handle will not do.
    func part(_ pointer: OpaquePointer?) throws(MachineError) -> (device: Device, part: Device.Part) {
        let device = try device(pointer)
        guard let part = device.part else { throw .refused(.notSupported) }
        return (device, part)
    }

    /// The GPU instance of a handle.
    func instance(_ pointer: OpaquePointer?) throws(MachineError) -> InstanceReference {
        guard case .gpuInstance(let index, let id, let serial) = Handle(pointer, epoch: epoch),
            index < state.gpus.count
        else { throw .refused(.invalidArgument) }
        let gpu = state.gpus[index]
        guard let instance = gpu.instance(id), instance.serial == serial, let profile = gpu.profile(of: instance)
        else { throw .refused(.notFound) }
        return InstanceReference(index: index, gpu: gpu, instance: instance, profile: profile)
    }

    /// The compute instance of a handle, as the MIG device that it is.
    func compute(_ pointer: OpaquePointer?) throws(MachineError) -> (device: Device, part: Device.Part) {
        guard case .computeInstance(let index, let gi, let ci, let serial) = Handle(pointer, epoch: epoch) else {
            throw .refused(.invalidArgument)
        }
        let device = try part(index, gi, ci, serial, number: index)
        guard let part = device.part else { throw .refused(.notFound) }
        return (device, part)
    }

    private func part(
        _ index: Int, _ gi: GPUInstanceID, _ ci: ComputeInstanceID, _ serial: UInt32, number: Int
    ) throws(MachineError) -> Device {
        guard index < state.gpus.count else { throw .refused(.invalidArgument) }
        let gpu = state.gpus[index]
        guard let instance = gpu.instance(gi), let profile = gpu.profile(of: instance),
            let compute = instance.computeInstances.first(where: { $0.id == ci && $0.serial == serial }),
            let computeProfile = profile.compute(compute.profile)
        else { throw .refused(.notFound) }
        let part = Device.Part(
            instance: instance, compute: compute, profile: profile, computeProfile: computeProfile)
        return Device(index: index, gpu: gpu, part: part, number: number)
    }
}
