// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import SimulatedMachine

// MARK: - The table without names that nvidia-smi asks for

@c @implementation
public func nvmlInternalGetExportTable(
    _ table: UnsafeMutablePointer<UnsafeRawPointer?>?, _ guid: UnsafeRawPointer?
) -> nvmlReturn_t {
    answer(uninitialized: true) { _ throws(MachineError) in
        guard let table, let guid else { throw .refused(.invalidArgument) }
        let bytes = UnsafeRawBufferPointer(start: guid, count: ExportTable.guid.count)
        guard bytes.elementsEqual(ExportTable.guid) else { throw .refused(.notFound) }
        table.pointee = UnsafeRawPointer(bitPattern: ExportTable.address)
    }
}

private enum ExportTable {
    /// 6c3efec4-8fc9-4e6c-a327-ee696e12f7c4 as it lies in memory: the first three fields have their low byte first.
    static let guid: [UInt8] = [
        0xc4, 0xfe, 0x3e, 0x6c, 0xc9, 0x8f, 0x6c, 0x4e, 0xa3, 0x27, 0xee, 0x69, 0x6e, 0x12, 0xf7, 0xc4,
    ]

    private static let slots = 512

    /// The first word is the table's size in bytes; every other slot is a function. Made once, never freed.
    static let address: UInt = {
        let function: @convention(c) (UInt, UnsafeMutableRawPointer?, UInt) -> UInt32 = { index, out, request in
            // The one function that nvidia-smi needs gives the handle of a device by its index.
            guard request == 0x22, let out, index < 32 else { return NVML_ERROR_NOT_SUPPORTED.rawValue }
            return nvmlDeviceGetHandleByIndex_v2(
                nvml_u32(index), out.assumingMemoryBound(to: nvmlDevice_t?.self)
            ).rawValue
        }
        let words = UnsafeMutablePointer<UInt>.allocate(capacity: slots)
        words.initialize(repeating: UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)), count: slots)
        words[0] = UInt(slots * MemoryLayout<UInt>.size)
        return UInt(bitPattern: words)
    }()
}
