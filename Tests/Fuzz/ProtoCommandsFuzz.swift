// sources: Sources/Hub/Wire/JSON Sources/Hub/Wire/Protocol Tests/Fuzz/Harness/ProtocolRules.swift
// seeds: Tests/Fuzz/Corpus/ProtoCommandsFuzz
//
// Messages of hub.v1.proto under libFuzzer: Harness/ProtocolRules.swift says what has to hold.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzProtoCommands(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    fuzzProtocol(UnsafeRawBufferPointer(start: start, count: count), .proto)
    return 0
}
