// The names are those of the library.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CNVML
import MIG
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

/// The table as nvidia-smi 535 uses it.
///
/// Nothing about it is public. That the slots below do what they do was found by giving nvidia-smi a library whose every
/// slot wrote down its number and arguments, and by changing what a slot answered until what was printed changed with it.
/// It lives with NOT_SUPPORTED from all the others: it shows no value then, and slot 26 only takes its debug log.
enum ExportTable {
    /// 6c3efec4-8fc9-4e6c-a327-ee696e12f7c4 as it lies in memory: the first three fields have their low byte first.
    static let guid: [UInt8] = [
        0xc4, 0xfe, 0x3e, 0x6c, 0xc9, 0x8f, 0x6c, 0x4e, 0xa3, 0x27, 0xee, 0x69, 0x6e, 0x12, 0xf7, 0xc4,
    ]

    private static let slots = 512

    /// The first word is the table's size in bytes; every other slot is a function. Made once, never freed.
    static let address: UInt = {
        let words = UnsafeMutablePointer<UInt>.allocate(capacity: slots)
        words.initialize(repeating: word(other), count: slots)
        words[0] = UInt(slots * MemoryLayout<UInt>.size)
        words[12] = word(readAddress)
        words[20] = word(isPrimary)
        words[75] = word(addressOfGPU)
        words[168] = word(reset)
        words[169] = word(fabricState)
        words[182] = word(makeResetGroup)
        words[183] = word(missingFromResetGroup)
        words[184] = word(endResetGroup)
        words[213] = word(computeProcesses)
        words[214] = word(graphicsProcesses)
        words[215] = word(mpsProcesses)
        return UInt(bitPattern: words)
    }()

    private static func word<Function>(_ function: Function) -> UInt { unsafeBitCast(function, to: UInt.self) }

    /// Any other slot. The one that is called with 0x22, 81 in this version, gives the handle of a GPU by its index.
    private static let other: @convention(c) (UInt, UnsafeMutableRawPointer?, UInt) -> nvmlReturn_t = {
        index, out, request in
        guard request == 0x22, let out, index < 32 else { return NVML_ERROR_NOT_SUPPORTED }
        return nvmlDeviceGetHandleByIndex_v2(nvml_u32(index), out.assumingMemoryBound(to: nvmlDevice_t?.self))
    }

    // MARK: A GPU that is named by its place on the bus

    /// Takes the text of an address apart.
    private static let readAddress:
        @convention(c) (UnsafePointer<CChar>?, Number, Number, Number, Number) -> nvmlReturn_t = {
            text, domain, bus, device, function in
            guard let text, let address = PCIAddress(String(cString: text)) else {
                return NVML_ERROR_INVALID_ARGUMENT
            }
            domain?.pointee = address.domain
            bus?.pointee = UInt32(address.bus)
            device?.pointee = UInt32(address.device)
            function?.pointee = UInt32(address.function)
            return NVML_SUCCESS
        }

    /// The address of a GPU by its index, which is compared with the one that was read; that of the function must be 0.
    private static let addressOfGPU: @convention(c) (nvml_u32, Number, Number, Number) -> nvmlReturn_t = {
        index, domain, bus, device in
        answer("nvmlDeviceGetPciInfo_v3") { call throws(MachineError) in
            guard index < call.state.gpus.count else { throw .refused(.invalidArgument) }
            let address = call.state.gpus[Int(index)].pci
            try put(address.domain, into: domain)
            try put(UInt32(address.bus), into: bus)
            try put(UInt32(address.device), into: device)
        }
    }
}
