# A table of a guest's own, for which C has no words.

	.tabletype	hoard, funcref
hoard:

	.section	.text.hoard_grow,"",@
	.globl	hoard_grow
	.type	hoard_grow,@function
hoard_grow:
	.functype	hoard_grow (i32) -> (i32)
	ref.null_func
	local.get	0
	table.grow	hoard
	end_function
