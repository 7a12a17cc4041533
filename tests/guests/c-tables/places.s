# What C has no words for: a table and a global of a guest's own.

	.tabletype	acts, funcref
acts:

	.globaltype	visits, i32
visits:

	.section	.text.acts_grow,"",@
	.globl	acts_grow
	.type	acts_grow,@function
acts_grow:
	.functype	acts_grow (i32) -> (i32)
	ref.null_func
	local.get	0
	table.grow	acts
	end_function

	.section	.text.acts_size,"",@
	.globl	acts_size
	.type	acts_size,@function
acts_size:
	.functype	acts_size () -> (i32)
	table.size	acts
	end_function

	.section	.text.visit,"",@
	.globl	visit
	.type	visit,@function
visit:
	.functype	visit () -> (i32)
	global.get	visits
	global.get	visits
	i32.const	1
	i32.add
	global.set	visits
	end_function
