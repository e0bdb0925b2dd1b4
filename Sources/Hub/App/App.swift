@main enum Skeleton { static func main() {} }
