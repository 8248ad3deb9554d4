/// A handle of the library. To C they are all opaque pointers, to be mixed up at will; here each kind is a type.
// SAFETY (all three): the pointer is only ever handed back to the library, which checks it; nothing here reads it.
protocol Handle {
    init(raw: OpaquePointer)
}

/// A GPU, or a MIG device, which dies with its compute instance.
@safe struct DeviceHandle: Handle, @unchecked Sendable {
    let raw: OpaquePointer
}

/// A GPU instance; dies with it, so it is looked up by id for each use.
@safe struct GPUInstanceHandle: Handle {
    let raw: OpaquePointer
}

/// A compute instance; dies with it.
@safe struct ComputeInstanceHandle: Handle {
    let raw: OpaquePointer
}
