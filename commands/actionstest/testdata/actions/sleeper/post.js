console.log('cleaned up')
