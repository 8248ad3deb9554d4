// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import SimulatedMachine

// MARK: - The library itself and the system it runs on

@c @implementation
public func nvmlInit() -> nvmlReturn_t { Session.begin(as: "nvmlInit", toleratingNoGPU: true) }

@c @implementation
public func nvmlInit_v2() -> nvmlReturn_t { Session.begin(as: "nvmlInit_v2", toleratingNoGPU: true) }

@c @implementation
public func nvmlInitWithFlags(_ flags: nvml_u32) -> nvmlReturn_t {
    Session.begin(
        as: "nvmlInitWithFlags", toleratingNoGPU: flags & NVML_INIT_FLAG_NO_GPUS != 0,
        isAttaching: flags & NVML_INIT_FLAG_NO_ATTACH == 0)
}

@c @implementation
public func nvmlShutdown() -> nvmlReturn_t { Session.end() }

// No fault strikes it: it asks no driver, and returns no code that could lie.
@c @implementation
public func nvmlErrorString(_ result: nvmlReturn_t) -> UnsafePointer<CChar>? {
    ErrorTexts.text(of: DriverCode(rawValue: Int32(bitPattern: result.rawValue)))
}

@c @implementation
public func nvmlSystemGetDriverVersion(_ version: UnsafeMutablePointer<CChar>?, _ length: nvml_u32) -> nvmlReturn_t {
    answer { call throws(MachineError) in
        try put(call.state.driver.description, into: version, length)
    }
}

@c @implementation
public func nvmlSystemGetNVMLVersion(_ version: UnsafeMutablePointer<CChar>?, _ length: nvml_u32) -> nvmlReturn_t {
    answer(uninitialized: true) { call throws(MachineError) in
        try put(call.state.driver.nvmlVersion, into: version, length)
    }
}

@c @implementation
public func nvmlSystemGetCudaDriverVersion(_ version: UnsafeMutablePointer<CInt>?) -> nvmlReturn_t {
    answer(uninitialized: true) { call throws(MachineError) in
        try put(CInt(call.state.driver.cudaVersion), into: version)
    }
}

@c @implementation
public func nvmlSystemGetCudaDriverVersion_v2(_ version: UnsafeMutablePointer<CInt>?) -> nvmlReturn_t {
    answer(uninitialized: true) { call throws(MachineError) in
        try put(CInt(call.state.driver.cudaVersion), into: version)
    }
}

@c @implementation
public func nvmlGetExcludedDeviceCount(_ count: UnsafeMutablePointer<nvml_u32>?) -> nvmlReturn_t {
    // Before a session too: a machine has no parameter that keeps a GPU from its driver.
    answer(uninitialized: true) { _ throws(MachineError) in try put(0, into: count) }
}

@c @implementation
public func nvmlSystemGetProcessName(
    _ pid: nvml_u32, _ name: UnsafeMutablePointer<CChar>?, _ length: nvml_u32
) -> nvmlReturn_t {
    answer { _ throws(MachineError) in
        guard let found = Int32(exactly: pid).flatMap(Holder.name) else { throw .refused(.notFound) }
        // The library's header says of this call alone that what does not fit is cut.
        try put(found, cutInto: name, length)
    }
}

/// The texts of all codes as C strings that live as long as the library.
enum ErrorTexts {
    private static let texts: [DriverCode: Int] = Dictionary(
        uniqueKeysWithValues: DriverCode.all.map { ($0, Int(bitPattern: copy($0.text))) })

    static func text(of code: DriverCode) -> UnsafePointer<CChar>? {
        UnsafePointer(bitPattern: texts[code] ?? texts[.unknown] ?? 0)
    }

    private static func copy(_ text: String) -> UnsafeMutablePointer<CChar> {
        let bytes = Array(text.utf8CString)
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        copy.initialize(from: bytes, count: bytes.count)
        return copy
    }
}
